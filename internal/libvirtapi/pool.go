package libvirtapi

// DefaultPool is the pool that is used when the user names none.
const DefaultPool = "default"

// DefaultPoolPath is where a pool is made when the host has none.
const DefaultPoolPath = "/var/lib/libvirt/images"

// Pool is a storage pool that holds files: of type dir, fs or netfs.
type Pool struct {
	Name       string
	Type       string
	Path       string // directory on libvirt's host
	Capacity   uint64 // bytes
	Available  uint64 // bytes, as read now
	Persistent bool
	// Created is true when FindPool made it (transient). It is left there for other builds; it
	// vanishes with the daemon, its files stay.
	Created bool
}
