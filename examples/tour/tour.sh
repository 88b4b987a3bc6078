#!/usr/bin/env bash
# A short tour of SP-API: bash tour.sh RULES.toml SELLER ORDER
#
# It works on a listing of its own (TOUR-1), which it makes and deletes, and on an inbound plan, which it cancels. What
# it does to ORDER is real: its shipment is confirmed. Each call waits for its turn in Amazon's usage plan.
set -euo pipefail
rules=$1 seller=$2 order=$3
marketplace=${MARKETPLACE:-ATVPDKIKX0DER}
since=$(date -u -d '24 hours ago' +%FT%TZ)
listing=(sellerId="$seller" sku=TOUR-1 marketplaceIds="$marketplace")

call() { echo "# $1" >&2; spapi-router call --config "$rules" --account "$seller" "$@"; }
field() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

# The orders of the last 24 hours with their items: every page, an answer a line.
call orders.2026-01-01.searchOrders createdAfter="$since" marketplaceIds="$marketplace" --all-pages

# The same by the older API, which Amazon is going to remove: the orders, then the items of each.
call orders.v0.getOrders CreatedAfter="$since" MarketplaceIds="$marketplace" MaxResultsPerPage=10
call orders.v0.getOrderItems orderId="$order"

# What Amazon has in stock.
call fba-inventory.v1.getInventorySummaries granularityType=Marketplace granularityId="$marketplace" \
    marketplaceIds="$marketplace" sellerSkus=SKU-0001,SKU-0002 details=true

# A listing: made, read, given a quantity. Look at "status": Amazon answers 200 to what it refuses, too.
call listings.2021-08-01.putListingsItem "${listing[@]}" --body '{"productType": "PRODUCT", "requirements": "LISTING",
    "attributes": {"item_name": [{"value": "A tour"}]}}'
call listings.2021-08-01.getListingsItem "${listing[@]}" includedData=summaries,attributes,issues
call listings.2021-08-01.patchListingsItem "${listing[@]}" --body '{"productType": "PRODUCT", "patches": [
    {"op": "replace", "path": "/attributes/fulfillment_availability",
     "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 3}]}]}'

# Goods on their way to Amazon: a plan, and its end. The body may come from a file, too: --body @plan.json
plan=$(call inbound-fba.2024-03-20.createInboundPlan --body @- <<BODY | field '["inboundPlanId"]'
{"destinationMarketplaces": ["$marketplace"],
 "items": [{"msku": "TOUR-1", "labelOwner": "SELLER", "prepOwner": "SELLER", "quantity": 1}],
 "sourceAddress": {"name": "Example", "addressLine1": "1 Example Street", "city": "Example", "stateOrProvinceCode": "MI",
                   "postalCode": "48110", "countryCode": "US", "phoneNumber": "+1 555 0100"}}
BODY
)
call inbound-fba.2024-03-20.cancelInboundPlan inboundPlanId="$plan"
call listings.2021-08-01.deleteListingsItem "${listing[@]}"

# A report: asked for, and looked at. The `report` handler waits for it and fetches it.
report=$(call reports.2021-06-30.createReport --body @- <<BODY | field '["reportId"]'
{"reportType": "GET_MERCHANT_LISTINGS_ALL_DATA", "marketplaceIds": ["$marketplace"]}
BODY
)
call reports.2021-06-30.getReport reportId="$report"

# A shipment: the order's first item, and its parcel.
item=$(call orders.2026-01-01.getOrder orderId="$order" | field '["order"]["orderItems"][0]["orderItemId"]')
call orders.v0.confirmShipment orderId="$order" --body @- <<BODY
{"marketplaceId": "$marketplace",
 "packageDetail": {"packageReferenceId": "1", "carrierCode": "DHL", "trackingNumber": "00340434161094",
                   "shipDate": "$since", "orderItems": [{"orderItemId": "$item", "quantity": 1}]}}
BODY
