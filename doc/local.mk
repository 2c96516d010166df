# filled by what stands in doc/
