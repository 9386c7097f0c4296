"""Services that moto does not have: prices, and schedules that fire."""
