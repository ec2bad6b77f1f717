"""The words by which a message's wording is judged: placeholders, jargon, blame, estimates, and what a reader can hold on to.

Lists, for English, of what was seen in messages; each is a pattern and nothing more. What follows from a hit is said in
`checking`.
"""

from __future__ import annotations

import re
from typing import Final

PLACEHOLDER: Final = re.compile(
    r"\{[^{}\n]{1,60}\}|\[(?:[A-Z][A-Z _-]{2,40}|insert [^\]]{1,40}|time|date|name|link|number)\]|<(?:time|date|name"
    r"|link|number|service|insert [^>]{1,40})>"
    r"|\bTODO\b|\bTBD\b|\bXX[:.]?XX\b|\b[x?]{2}:[x?]{2}\b|_{3,}"
)
_COMPUTERS: Final = (
    r"pods?|nodes?|kubernetes|k8s|namespaces?|daemon ?sets?|replicas?|containers?|clusters?|load balancers?|ingress"
    r"|proxy|proxies"
    r"|back-?ends?|front-?ends?|upstream|downstream|micro-?services?|endpoints?|DNS|TLS|HTTPS? errors?|databases?"
    r"|caches?|hosts?|servers?"
    r"|rollbacks?|rolled back|rollouts?|fail-?over|auto-?scal\w+|evict\w+|OOM\w*|crash ?loop\w*|stack traces?"
    r"|exceptions?|time-?outs?|latenc\w+|p9\d"
    r"|CPU|RAM|SLOs?|SLAs?|RTO|RPO|MTTR|payloads?|quer(?:y|ies)|deploy(?:ed|s|ment|ments|ing)?|config(?:s|uration)?"
    r"|root cause|cohorts?|regression|hot-?fix\w*"
    r"|idempoten\w+|circuit breakers?|S3|SQL|GET|POST|SEV-?[123]"
)
_COUNTED: Final = r"orders?|customers?|parcels?|sellers?|people|users?"
JARGON: Final = re.compile(
    rf"\b(?:{_COMPUTERS}|(?:HTTP|status|error|errors|code|an?|with)\s+[45]\d\d(?:s|\s+errors?)?(?!\s*(?:{_COUNTED}))|50[0-4]s"
    rf"|50[234](?!\s*(?:{_COUNTED})))\b"
)
"""What customers, sellers and the press do not know by these names; some only in capitals, as they are written."""
JARGON_ANY_CASE: Final = re.compile(rf"\b(?:{_COMPUTERS})\b", re.IGNORECASE)
API_WORDS: Final = re.compile(r"\bAPIs?\b")

_WHO: Final = (
    r"(?:an?|our|one of our|the|some|your|that)\s+(?:[\w-]+\s+){0,2}"
    r"(?:engineer|developer|operator|employee|colleague|administrator|admin|contractor|intern|team|provider|supplier"
    r"|vendor|partner|bank|carrier|host(?:er)?)s?"
)
BLAME: Final = re.compile(
    r"\bhuman error\b|\bto blame\b|\bblam(?:e|es|ed|ing) (?!less)"
    rf"|\b{_WHO}(?:['\u2019]s?)? (?:has |have |had )?(?:mistakenly |accidentally |wrongly |negligently )*"
    r"(?:made (?:an? |the )?(?:[\w-]+ )?(?:mistake|error)s?"
    r"|forgot|failed|broke|misconfigured|deleted|pushed|caused|neglected|ignored|botched|messed|let us down"
    r"|mistakes?|errors?|faults?|negligence)\b"
    rf"|\b(?:mistake|error|fault|failure|negligence|carelessness) (?:of|by|made by|on the part of) {_WHO}\b"
    r"|\b(?:customers?|users?|sellers?|you) (?:should have|should not have|failed to|forgot to|did not read"
    r"|entered (?:the )?wrong|used (?:it|the \w+) wrongly|ignored)\b"
    r"|(?<!no )(?<!not )(?<!without )\b(?:(?-i:[A-Z])\w+['\u2019]s?|their|his|her|customers'|users'|your) (?:own )?(?:fault"
    r"|mistake|negligence)\b",
    re.IGNORECASE,
)
NOT_BLAME: Final = re.compile(r"\b(?:not|no|nobody|never|nothing|isn't|wasn't)\b[\w ,]{0,30}$", re.IGNORECASE)

_DURATION: Final = r"(?:\d+|an?|one|two|half an|a few|several|fifteen|twenty|thirty)\s*(?:minutes?|min|hours?|h|days?)"
ESTIMATE: Final = re.compile(
    r"\b(?:expect\w*|estimat\w+|anticipat\w+|should be|will be|hope to be|aim to|ETA|plan to)\b(?P<what>[^.;]{0,90}?)"
    rf"\b(?:by|at|in|within|around|until|before|about|from|of|is|:)\s+(?:about |around |the next |approximately "
    rf"|~)?(?:\d{{4}}-\d{{2}}-\d{{2}}[ T])?(?:\d{{1,2}}:\d{{2}}|{_DURATION}|\d{{1,2}}\s?[ap]m|the hour|tonight|today"
    rf"|tomorrow|noon|midnight)|\bETA:? (?:in |about )?(?:\d{{1,2}}:\d{{2}}|{_DURATION})",
    re.IGNORECASE,
)
OF_A_MESSAGE: Final = re.compile(
    r"\b(?:update|message|news|write|report|inform|announce\w*|post|in touch|hear from|follow-?up|review|account)\b",
    re.IGNORECASE,
)
MESSAGE_FIRST: Final = re.compile(
    r"\b(?:update|message|news|report|announcement|information|follow-?up|review)s?\b[\w ]{0,20}$", re.IGNORECASE
)
"""What will be at a time is a message, where this stands just before the words of an estimate."""
MAY_CHANGE: Final = re.compile(
    r"\b(?:may|might|could|can) (?:still |well |also )?(?:change|take longer|be (?:later|longer|wrong|off)|move|slip"
    r"|vary)\b|\bsubject to change\b|\bnot (?:yet )?(?:certain|sure|final|guaranteed|a promise)\b"
    r"|\bno (?:guarantee|promise)\b|\bif (?:that|this|it) (?:changes|takes longer|moves)\b|\b(?:we will|we'll"
    r"|will) (?:correct|revise|say so|tell you if)\b|\bonly an estimate\b|\bas (?:things|it) (?:stand|look)s? now\b",
    re.IGNORECASE,
)

MEANWHILE: Final = re.compile(
    r"\b(?:meanwhile|in the meantime|until then|for now|for the time being|please|work-?around|instead"
    r"|(?:no|nothing) (?:action|decision|steps?)\b[\w ]{0,20}\b(?:needed|required|necessary)|nothing (?:is )?(?:needed"
    r"|to do|to be done|required)|(?:do not|don't|need not) (?:need|have) to|need not"
    r"|(?:do not|don't) (?:try|order|pay|place|retry|repeat|send|stop|replace|restart|delete|promise|open|contact|buy"
    r"|reload|ship|change)"
    r"|try (?:it |them |this )?again|come back|you can (?:still|also)|we (?:ask|advise|recommend|need) you|we recommend"
    r"|tell (?:customers|callers|them|everybody)|read out|refer (?:callers|customers|questions|press)"
    r"|may be quoted|you may quote|decisions? needed|(?:what|how) to tell (?:callers|customers)|nothing is needed"
    r"|(?:decision|help|approval) (?:is |that is )?(?:needed|wanted|required|asked)|use the|keep (?:the"
    r"|your) (?:reference|page|order|parcel)s?)\b",
    re.IGNORECASE,
)
REFERENCE: Final = re.compile(
    r"\b(?!SEV|UTC|GMT|ISO)[A-Z]{1,8}[-#]\d[\w-]{0,40}|\b(?:reference|ref\.?|incident|ticket|case|number)\s*(?:number|no\.?"
    r"|id)?\s*[:#]?\s*(?=[\w-]{0,40}\d)[\w-]{3,40}|#\d{2,}",
    re.IGNORECASE,
)
CONTACT: Final = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,80}|https?://\S+|\bwww\.\S+|\b(?:[a-z0-9-]{1,63}\.){1,4}(?:example|test|com|org|net|io|eu|de|fr|uk"
    r"|shop|help|status|support|info|dev|app|co)\b(?:/\S*)?"
    r"|(?<![\w:])\+?\d[\d /()-]{5,}\d(?![\w:])|(?<!\w)#[a-z][\w-]+|(?<![\w.])@[a-z][\w.-]+|\b(?:reply"
    r"|answer) to this (?:message|e-?mail|post|thread)\b|\b(?:extension|ext\.?|hotline|dial|call) \d{3,}",
    re.IGNORECASE,
)
LATE: Final = re.compile(
    r"\b(?:later than (?:we )?(?:promised|announced|said)|(?:is|are|we are|comes?) late\b|sorry (?:that"
    r"|for)[\w ]{0,40}\b(?:late|delay|wait)|promised (?:it|this|you an update) (?:by|at|for))",
    re.IGNORECASE,
)
CORRECTS: Final = re.compile(
    r"\b(?:correct(?:ion|ed|s)?|revis(?:ed|ion)|earlier (?:message|update|than we)|(?:we|I) (?:first|earlier"
    r"|previously) (?:said|wrote)|changed from|raised (?:from|to)|lowered (?:from|to)|up(?:graded)? from|now (?:critical"
    r"|major|minor|SEV))\b",
    re.IGNORECASE,
)
FOLLOW_UP: Final = re.compile(
    r"\b(?:what happened|why it happened|follow-?up to|our review|this is (?:the|our) follow-?up|the cause was"
    r"|what we (?:have )?(?:changed|learned|learnt)|so that it does not happen)\b",
    re.IGNORECASE,
)
LAST_ONE: Final = re.compile(
    r"\b(?:last (?:message|update|one)|no further (?:messages?|updates?)|final (?:message|update)|closed)\b", re.IGNORECASE
)
