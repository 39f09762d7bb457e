// Package cloudbase writes the configuration of cloudbase-init for each cloud:
// both conf files, and what starts the service in a clone.
//
// Every option, metadata service and plugin named here is one that
// cloudbase-init 1.1 defines: a misspelt option is ignored in silence, and a
// misspelt class makes the specialize pass restart for ever (its exit code 2
// means "restart and run again").
package cloudbase
