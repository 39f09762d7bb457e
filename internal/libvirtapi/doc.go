// Package libvirtapi is the plugin's only way to libvirt: connections, domains,
// volumes, networks, events, console and the questions a build asks of its host.
//
// It speaks libvirt's own protocol through digitalocean/go-libvirt (no cgo, no
// libvirt library on the user's machine) and hides what that module leaves to
// its caller: it has no deadlines, cancels nothing, loses subscriptions on a
// reconnect and stops a whole connection when a stream's reader is slow
// (digitalocean/go-libvirt#241). So here
//
//   - every call runs under a deadline in a goroutine of its own; a missed one
//     closes the connection, and the next call opens a new one;
//   - every stream (console, upload, download, screenshot) and every
//     subscription to events has a connection of its own, and closing that
//     connection is how it is cancelled;
//   - a stream's data that the daemon sends before the reply to its call is
//     put behind it, where go-libvirt would stand still for ever;
//   - what libvirt answers is told apart by error values (errors.Is with
//     ErrNotFound, ErrExists, ErrPermission …), never by its texts.
//
// Domain XML is rendered by DomainXML, a pure function of a DomainSpec.
//
// The floor is libvirt 8.0 with QEMU 6.2, what Ubuntu 22.04 ships.
package libvirtapi
