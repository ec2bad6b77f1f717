"""Who may do what: the tokens by which the API knows its callers, and the roles that say what they may.

It plays Kubernetes' authenticators and its RBAC authorizer, over the objects that are in the store. How a request comes in
and how a refusal travels is the API's business.
"""
