// Package standintest boots the stand-in under QEMU without libvirt and
// without the plugin, for the tests of the stand-in itself.
package standintest
