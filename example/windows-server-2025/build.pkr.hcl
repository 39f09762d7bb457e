# Windows Server 2025 becomes a template whose clones activate at a KMS server and
# answer pings and Remote Desktop.
#
#   packer build -var iso_url=SERVER_x64FRE_en-us.iso \
#                -var drivers_iso_url=virtio-win.iso \
#                -var cloudbase_init=CloudbaseInitSetup_x64.msi \
#                -var kms_host=kms.example.com .

packer {
  required_plugins {
    wintemplate = {
      source  = "github.com/wintemplate/wintemplate"
      version = ">= 0.1.0"
    }
  }
}

variable "iso_url" {
  description = "The Windows installation ISO: a path or a URL."
  type        = string
}

variable "iso_checksum" {
  description = "The ISO's checksum, such as sha256:…; \"none\" trusts the file as it is."
  type        = string
  default     = "none"
}

variable "edition" {
  description = "The edition by its id; the build's first second tells what the ISO holds."
  type        = string
  default     = "SERVERSTANDARD"
}

variable "drivers_iso_url" {
  description = "The virtio-win ISO: a path or a URL."
  type        = string
}

variable "cloudbase_init" {
  description = "CloudbaseInitSetup_x64.msi: a path or a URL."
  type        = string
}

variable "output_directory" {
  type    = string
  default = "output-windows-server-2025"
}

variable "kms_host" {
  description = "The KMS server, as host or host:port; by default Windows asks DNS. Evaluation media activate nowhere."
  type        = string
  default     = ""
}

variable "organization" {
  description = "Whom Windows is registered to."
  type        = string
  default     = "Example"
}

source "wintemplate-libvirt" "ws2025" {
  iso_url         = var.iso_url
  iso_checksum    = var.iso_checksum
  edition         = var.edition
  drivers_iso_url = var.drivers_iso_url
  payload         = [var.cloudbase_init]

  # The template starts on virtio-blk, too.
  disk_bus  = "virtio-scsi"
  disk_size = "40G"
  memory    = 4096

  organization = var.organization
  kms_host     = var.kms_host
  time_zone    = "UTC"

  remote_desktop {}

  # File and printer sharing, by its resource, since its name is in Windows'
  # language.
  firewall_groups = ["@FirewallAPI.dll,-28502"]

  # What no field has goes into the answer file as it is.
  answer_file_fragment {
    path = "${path.root}/no-reports.xml"
  }

  output_directory = var.output_directory
}

build {
  sources = ["source.wintemplate-libvirt.ws2025"]

  provisioner "wintemplate-guest" {
    drivers {}
    cloudbase_init {
      cloud = "cloudstack"
    }
  }

  # Your own provisioners stand here: updates, software, hardening.

  provisioner "wintemplate-guest" {
    sysprep {}
  }
}
