dist_man_MANS += doc/man/aegislb.8 doc/man/aegislb.conf.5 doc/man/aegisctl.1
EXTRA_DIST += doc/runtime-api.md
