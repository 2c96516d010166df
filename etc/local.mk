# The examples stand beside the documentation; /etc is the administrator's.
examplesdir = $(docdir)/examples
dist_examples_DATA = etc/balancer.conf etc/backend-node.conf etc/passthrough.conf
