EXTRA_DIST += contrib/packages contrib/check contrib/quickstart contrib/lab/lab contrib/lab/play.py
EXTRA_DIST += contrib/fail2ban/aegislb.conf

# systemd: the unit knows where the program was installed; user and folders are made by sysusers and tmpfiles
EXTRA_DIST += contrib/systemd/aegislb.service.in contrib/systemd/aegislb.sysusers contrib/systemd/aegislb.tmpfiles
nodist_systemdsystemunit_DATA = contrib/systemd/aegislb.service
CLEANFILES += contrib/systemd/aegislb.service

contrib/systemd/aegislb.service: contrib/systemd/aegislb.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) contrib/systemd && \
	$(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@bindir[@]|$(bindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/contrib/systemd/aegislb.service.in >$@.new && mv $@.new $@

install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) $(srcdir)/contrib/systemd/aegislb.sysusers '$(DESTDIR)$(sysusersdir)/aegislb.conf'
	$(INSTALL_DATA) $(srcdir)/contrib/systemd/aegislb.tmpfiles '$(DESTDIR)$(tmpfilesdir)/aegislb.conf'

uninstall-hook:
	rm -f '$(DESTDIR)$(sysusersdir)/aegislb.conf' '$(DESTDIR)$(tmpfilesdir)/aegislb.conf'
