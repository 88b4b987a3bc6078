"""Which part of the stand-in answers which operation; what none answers gets an empty answer."""

from collections.abc import Callable, Mapping

from receiver.simulators.spapi import inbound, orders, products, subscriptions
from receiver.simulators.spapi.ask import Answer, Ask
from receiver.simulators.spapi.works import Works

Book = Callable[[Ask], Answer]


def books(works: Works) -> Mapping[str, Book]:
    """The answering functions by full name of the operation."""
    return {
        "orders.v0.getOrders": orders.get_orders_v0,
        "orders.v0.getOrder": orders.get_order_v0,
        "orders.v0.getOrderItems": orders.get_order_items_v0,
        "orders.v0.getOrderAddress": orders.get_order_address_v0,
        "orders.v0.getOrderBuyerInfo": orders.get_order_buyer_v0,
        "orders.v0.confirmShipment": orders.confirm_shipment_v0,
        "orders.2026-01-01.searchOrders": orders.search_orders,
        "orders.2026-01-01.getOrder": orders.get_order,
        "listings.2021-08-01.getListingsItem": products.get_listing,
        "listings.2021-08-01.searchListingsItems": products.search_listings,
        "listings.2021-08-01.putListingsItem": products.put_listing,
        "listings.2021-08-01.patchListingsItem": products.patch_listing,
        "listings.2021-08-01.deleteListingsItem": products.delete_listing,
        "fba-inventory.v1.getInventorySummaries": products.get_inventory,
        "catalog.2022-04-01.getCatalogItem": products.get_catalog_item,
        "sellers.v1.getMarketplaceParticipations": _participations,
        **_inbound(),
        **_notifications(),
        **_works(works),
    }


def empty(ask: Ask) -> Answer:
    """The answer of an operation that the stand-in has no data for."""
    return Answer(status=204) if ask.operation.method == "DELETE" else Answer({"payload": {}})


def _notifications() -> Mapping[str, Book]:
    return {
        "notifications.v1.createDestination": subscriptions.create_destination,
        "notifications.v1.getDestinations": subscriptions.get_destinations,
        "notifications.v1.getDestination": subscriptions.get_destination,
        "notifications.v1.deleteDestination": subscriptions.delete_destination,
        "notifications.v1.createSubscription": subscriptions.create_subscription,
        "notifications.v1.getSubscription": subscriptions.get_subscription,
        "notifications.v1.getSubscriptionById": subscriptions.get_subscription_by_id,
        "notifications.v1.deleteSubscriptionById": subscriptions.delete_subscription_by_id,
        "notifications.v1.sendTestNotification": subscriptions.send_test_notification,
    }


def _inbound() -> Mapping[str, Book]:
    return {
        "inbound-fba.2024-03-20.createInboundPlan": inbound.create_inbound_plan,
        "inbound-fba.2024-03-20.getInboundPlan": inbound.get_inbound_plan,
        "inbound-fba.2024-03-20.listInboundPlans": inbound.list_inbound_plans,
        "inbound-fba.2024-03-20.listInboundPlanItems": inbound.list_inbound_plan_items,
        "inbound-fba.2024-03-20.cancelInboundPlan": inbound.cancel_inbound_plan,
        "inbound-fba.2024-03-20.getInboundOperationStatus": inbound.get_operation_status,
    }


def _works(works: Works) -> Mapping[str, Book]:
    return {
        "reports.2021-06-30.createReport": works.create_report,
        "reports.2021-06-30.getReport": works.get_report,
        "reports.2021-06-30.getReports": works.get_reports,
        "reports.2021-06-30.cancelReport": works.cancel_report,
        "reports.2021-06-30.getReportDocument": works.get_report_document,
        "feeds.2021-06-30.createFeedDocument": works.create_feed_document,
        "feeds.2021-06-30.createFeed": works.create_feed,
        "feeds.2021-06-30.getFeed": works.get_feed,
        "feeds.2021-06-30.getFeedDocument": works.get_feed_document,
        "dataKiosk.2023-11-15.createQuery": works.create_query,
        "dataKiosk.2023-11-15.getQuery": works.get_query,
        "dataKiosk.2023-11-15.getDocument": works.get_query_document,
    }


def _participations(ask: Ask) -> Answer:
    marketplace = {"id": ask.seller.marketplace_id, "name": "simulated", "defaultCurrencyCode": ask.seller.currency}
    participation = {"isParticipating": True, "hasSuspendedListings": False}
    return Answer({"payload": [{"marketplace": marketplace, "participation": participation}]})
