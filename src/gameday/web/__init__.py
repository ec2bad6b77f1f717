"""The pages of a rehearsal, on this machine only: one for the people who respond, one for the facilitator.

The log is the truth and a page is a fold over it: nothing is remembered here beside it, so whoever joins late, reloads, or was
without a connection sees what all the others see. What people do goes to the session (`rehearsal.session`) as a request,
which alone decides; this room decides only who may look, and what of it they may see.

It is no server for a network: it binds to a loopback address, and whoever is to take part from another machine comes through a
tunnel of their own (docs/rehearsal-pages.md).
"""

from gameday.web.serving import Served, serve

__all__ = ["Served", "serve"]
