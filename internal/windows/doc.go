// Package windows is the catalogue of what differs between Windows products:
// build number to product, virtio-win folder, KMS client key, time zones,
// locales, and what a password must look like. It reads nothing from disk and
// knows neither Packer nor libvirt.
package windows
