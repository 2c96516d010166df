"""TLS connections pass untouched, to the backends in turn, by the name in their hello."""


def test_the_lab_itself(site):
    """Without a balancer: the client reaches both backends, which have their own certificates."""
    for name, address in (("aegis-01", "10.10.10.103"), ("aegis-02", "2001:db8:10::104")):
        site.start_backend(name, proxy=False)
        assert site.get(address=address).startswith(f"{name} aegisagent.ai")
