"""Property trees of Pulumi: on the wire, as values, in the names of AWS, and what types pulumi_aws gives them."""
