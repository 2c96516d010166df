EXTRA_DIST += contrib/packages contrib/check contrib/quickstart
