"""OpenTelemetry traces: from the push of a notification to the end of its last delivery.

Nothing of OpenTelemetry is imported before `receiver.telemetry.spans` is, which happens where `[telemetry]` is set.
"""
