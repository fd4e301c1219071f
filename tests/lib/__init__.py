"""What tests share: real servers, the relay, Debezium, and the harness that runs them."""
