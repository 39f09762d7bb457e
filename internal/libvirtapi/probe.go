package libvirtapi

// Probe is the answer of ProbeKVM.
type Probe struct {
	Accelerator Accelerator // KVM when a guest really ran, else TCG
	Reason      string      // why not KVM, for the user; empty for KVM
}
