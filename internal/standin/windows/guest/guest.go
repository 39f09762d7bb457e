// Package guest is the first process of the stand-in's virtual machine.
package guest

// Main runs the guest until it restarts or powers off. It never returns.
func Main() {}
