/* Addresses in the configuration: reads them and says why one will not do. Each is a config_read_fn. */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include "config/read.h"

/* To a struct config_bind: what a listener listens on, "*:443" included. */
void config_read_bind(struct config_reader *r, const config_setting_t *s, void *to);

/* To a struct addr: as above. */
void config_read_bind_addr(struct config_reader *r, const config_setting_t *s, void *to);

/* To a struct addr: one server's. */
void config_read_server_addr(struct config_reader *r, const config_setting_t *s, void *to);

/* To a struct addr_prefix: "10.0.0.0/8", "2001:db8::/32" or one address. */
void config_read_prefix(struct config_reader *r, const config_setting_t *s, void *to);

/* To a struct addr without a port: one host's. */
void config_read_ip(struct config_reader *r, const config_setting_t *s, void *to);

/* To a struct addr_prefix whose address is a whole one: "10.10.10.100/24". */
void config_read_ip_in_network(struct config_reader *r, const config_setting_t *s, void *to);

#endif
