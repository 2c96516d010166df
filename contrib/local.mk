# filled by what stands in contrib/
