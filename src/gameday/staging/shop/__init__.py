"""The demo shop: what runs on the staging cluster, and what a game day harms.

Small services, one process each: `python -m gameday.staging.shop <service>`. Customers come in at the storefront;
behind it stand cart, checkout, payment, inventory and orders, and an object store that keeps the receipts and speaks S3;
fulfilment ships what was paid for. On every node there is an agent, and its controller gives it content and takes out nodes
whose agent is not well. For the days of a sale there is another door with the same pages, a waiting page, and a scaler. Outside
the shop's own services are the bank, which knows what was charged, the status page, which says how the shop is, and a second
object store for copies of the orders. They find each other only through the variables that Kubernetes sets for Services.

A pod's process must listen within a tenth of a second, so nothing here imports more than the standard library and
httptools, and nothing else of gameday. Where a service has a weakness, it is real behaviour behind a setting (see
`settings`), never a failure that somebody staged.
"""
