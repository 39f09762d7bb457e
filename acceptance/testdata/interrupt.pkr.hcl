# Builds that are interrupted: the README's template, with a name for each.
variable "name" { type = string }
variable "iso_url" { type = string }
variable "drivers_iso_url" { type = string }
variable "cloudbase_init" { type = string }

source "wintemplate-libvirt" "w" {
  iso_url          = var.iso_url
  iso_checksum     = "none"
  edition          = "SERVERSTANDARD"
  drivers_iso_url  = var.drivers_iso_url
  payload          = [var.cloudbase_init]
  vm_name          = var.name
  vtpm             = true
  output_directory = var.name
}

build {
  sources = ["source.wintemplate-libvirt.w"]
  provisioner "wintemplate-guest" {
    drivers {}
    cloudbase_init {
      cloud = "cloudstack"
    }
  }
  provisioner "wintemplate-guest" {
    sysprep {}
  }
}
