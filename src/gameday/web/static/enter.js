// Exchanges the token behind the address's # for a cookie, and takes it out of the address and the history.
const why = document.getElementById("why");
const token = new URLSearchParams(location.hash.slice(1)).get("token");

async function enter() {
  history.replaceState(null, "", location.pathname);
  why.textContent = "One moment: the link is being checked.";
  try {
    const answer = await fetch("/api/enter", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) location.reload();
    else why.textContent = (await answer.json()).refused;
  } catch {
    why.textContent = "The rehearsal does not answer; is it still on? Start it again in its terminal, and open the new link.";
  }
}

if (token) enter();
// A link that is pasted into this very page changes only what is behind the #, which loads nothing.
addEventListener("hashchange", () => location.reload());
