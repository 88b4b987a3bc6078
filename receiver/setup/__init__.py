"""Setting notifications up: destinations and subscriptions at SP-API, and the AWS side that carries them to SNS."""
