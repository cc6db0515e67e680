/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The vtables as XML, a tag a line, and the nodes below a path. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bus/objects/objects_internal.h"

static const char head[] =
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
        "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
        "<node>\n"
        " <interface name=\"org.freedesktop.DBus.Peer\">\n"
        "  <method name=\"Ping\"/>\n"
        "  <method name=\"GetMachineId\">\n"
        "   <arg type=\"s\" name=\"machine_uuid\" direction=\"out\"/>\n"
        "  </method>\n"
        " </interface>\n"
        " <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
        "  <method name=\"Introspect\">\n"
        "   <arg name=\"xml_data\" type=\"s\" direction=\"out\"/>\n"
        "  </method>\n"
        " </interface>\n"
        " <interface name=\"org.freedesktop.DBus.Properties\">\n"
        "  <method name=\"Get\">\n"
        "   <arg name=\"interface_name\" direction=\"in\" type=\"s\"/>\n"
        "   <arg name=\"property_name\" direction=\"in\" type=\"s\"/>\n"
        "   <arg name=\"value\" direction=\"out\" type=\"v\"/>\n"
        "  </method>\n"
        "  <method name=\"GetAll\">\n"
        "   <arg name=\"interface_name\" direction=\"in\" type=\"s\"/>\n"
        "   <arg name=\"props\" direction=\"out\" type=\"a{sv}\"/>\n"
        "  </method>\n"
        "  <signal name=\"PropertiesChanged\">\n"
        "   <arg type=\"s\" name=\"interface_name\"/>\n"
        "   <arg type=\"a{sv}\" name=\"changed_properties\"/>\n"
        "   <arg type=\"as\" name=\"invalidated_properties\"/>\n"
        "  </signal>\n"
        " </interface>\n";

static const char object_manager[] =
        " <interface name=\"org.freedesktop.DBus.ObjectManager\">\n"
        "  <method name=\"GetManagedObjects\">\n"
        "   <arg type=\"a{oa{sa{sv}}}\" name=\"object_paths_interfaces_and_properties\" "
        "direction=\"out\"/>\n"
        "  </method>\n"
        "  <signal name=\"InterfacesAdded\">\n"
        "   <arg type=\"o\" name=\"object_path\"/>\n"
        "   <arg type=\"a{sa{sv}}\" name=\"interfaces_and_properties\"/>\n"
        "  </signal>\n"
        "  <signal name=\"InterfacesRemoved\">\n"
        "   <arg type=\"o\" name=\"object_path\"/>\n"
        "   <arg type=\"as\" name=\"interfaces\"/>\n"
        "  </signal>\n"
        " </interface>\n";

/* The length of the first complete type in one of our signatures. */
static size_t measure_type(const char *signature)
{
        size_t n = 0, depth = 0;

        while (signature[n] == 'a')
                n++;
        do {
                depth += signature[n] == '(' || signature[n] == '{';
                depth -= signature[n] == ')' || signature[n] == '}';
                n++;
        } while (depth > 0);
        return n;
}

/* Writes each argument of a signature. *names has the names, each with a NUL at its end. */
static void write_arguments(FILE *stream, const char *signature, const char **names,
                            const char *direction)
{
        while (signature && *signature) {
                size_t n = measure_type(signature);

                (void)fprintf(stream, "   <arg type=\"%.*s\" name=\"%s\"%s/>\n", (int)n, signature,
                              *names, direction);
                signature += n;
                *names += strlen(*names) + 1;
        }
}

static void write_property(FILE *stream, const sd_bus_vtable *entry)
{
        const char *emits = entry->flags & SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE ? NULL
                            : entry->flags & SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION
                                    ? "invalidates"
                            : entry->flags & SD_BUS_VTABLE_PROPERTY_CONST ? "const"
                                                                          : "false";

        (void)fprintf(stream, "  <property name=\"%s\" type=\"%s\" access=\"read\"%s>\n",
                      entry->x.property.member, entry->x.property.signature, emits ? "" : "/");
        if (emits)
                (void)fprintf(stream,
                              "   <annotation "
                              "name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" "
                              "value=\"%s\"/>\n  </property>\n",
                              emits);
}

static void write_interface(FILE *stream, const char *interface, const sd_bus_vtable *vtable)
{
        (void)fprintf(stream, " <interface name=\"%s\">\n", interface);
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++) {
                const char *names;

                if (entry->type == _SD_BUS_VTABLE_METHOD) {
                        names = entry->x.method.names;
                        (void)fprintf(stream, "  <method name=\"%s\">\n", entry->x.method.member);
                        write_arguments(stream, entry->x.method.signature, &names,
                                        " direction=\"in\"");
                        write_arguments(stream, entry->x.method.result, &names,
                                        " direction=\"out\"");
                        (void)fputs("  </method>\n", stream);
                } else if (entry->type == _SD_BUS_VTABLE_SIGNAL) {
                        names = entry->x.signal.names;
                        (void)fprintf(stream, "  <signal name=\"%s\">\n", entry->x.signal.member);
                        write_arguments(stream, entry->x.signal.signature, &names, "");
                        (void)fputs("  </signal>\n", stream);
                } else if (entry->type == _SD_BUS_VTABLE_PROPERTY) {
                        write_property(stream, entry);
                }
        }
        (void)fputs(" </interface>\n", stream);
}

/* Writes the objects of a kind as nodes below its prefix. Returns 0 or -ENOMEM. */
static int write_nodes(FILE *stream, Bus *bus, const BusKind *kind)
{
        for (size_t i = 0;; i++) {
                _cleanup_(freep) char *path = NULL;

                if (!kind->next(bus->ledger, &i, &path))
                        return 0;
                if (!path)
                        return -ENOMEM;
                (void)fprintf(stream, " <node name=\"%s\"/>\n", path + strlen(kind->prefix) + 1);
        }
}

/*
 * Writes the interfaces of the object other than those of all objects, and its nodes. Returns 0 or
 * -ENOMEM.
 */
static int write_object(FILE *stream, Bus *bus, const char *path)
{
        bool is_root = strcmp(path, BUS_ROOT) == 0;
        int r = 0;

        if (is_root) {
                (void)fputs(object_manager, stream);
                write_interface(stream, BUS_IFACE_MANAGER, bus_manager_vtable);
        }
        for (size_t i = 0; r == 0 && i < bus_n_kinds; i++) {
                const BusKind *kind = bus_kinds[i];

                if (is_root)
                        (void)fprintf(stream, " <node name=\"%s\"/>\n",
                                      kind->prefix + strlen(BUS_ROOT "/"));
                else if (strcmp(path, kind->prefix) == 0)
                        r = write_nodes(stream, bus, kind);
                else if (kind->find(bus->ledger, path) != SNAPSHOT_NONE)
                        write_interface(stream, kind->interface, kind->vtable);
        }
        return r;
}

int introspect_path(Bus *bus, const char *path, char **ret_xml)
{
        _cleanup_(freep) char *xml = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&xml, &n);

        if (!stream)
                return -ENOMEM;
        (void)fputs(head, stream);
        int r = write_object(stream, bus, path);
        (void)fputs("</node>\n", stream);
        if (fclose(stream) != 0)
                r = -ENOMEM;
        if (r == 0)
                *ret_xml = TAKE_PTR(xml);
        return r;
}
