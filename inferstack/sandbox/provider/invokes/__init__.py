"""The functions of pulumi_aws (aws.get_...) that the rehearsal answers."""
