dist_man_MANS += doc/man/aegislb.8 doc/man/aegisctl.1
