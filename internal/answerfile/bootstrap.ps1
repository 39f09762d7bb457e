# The first logon of a build. It installs the guest tools and the agent, then
# opens WinRM over HTTPS with the certificate of this build, and tells the host
# on COM1 how far it has come. Its parameters are bootstrap.json beside it.
#
# The order is not free. The guest tools drop the network adapter while they
# install, so they come before WinRM; the firewall opens last of all but the
# marker, so that nothing can connect to a machine that is not ready.
# Enable-PSRemoting and winrm.cmd are not used: both create the HTTP listener
# and open its port again.
[CmdletBinding()]
param(
    # The folder of this script on the answer disc.
    [string]$Source = $PSScriptRoot
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'

$script:Stage = 'bootstrap'
$Work = 'C:\ProgramData\wintemplate'
$Log = "$Work\bootstrap.log"
$Before = "$Work\bootstrap.before.json"
$Marker = "$Work\bootstrap.done"
$Version = 1

function Write-Log([string]$Text) {
    # The log must never end the build.
    try {
        $line = '{0:yyyy-MM-ddTHH:mm:ss} {1} {2}' -f (Get-Date), $script:Stage, $Text
        Add-Content -LiteralPath $Log -Value $line -Encoding UTF8
    } catch { $null = $_ }
}

function ConvertTo-BeaconText([string]$Text) {
    # Printable ASCII without what cmd.exe would read, at most 200 characters.
    $clean = $Text -replace '[^ -~]', ' ' -replace '[&|<>^%]', ' ' -replace ' +', ' '
    $clean = $clean.Trim()
    if ($clean.Length -gt 200) { $clean = $clean.Substring(0, 200) }
    $clean
}

function Send-Beacon([string]$State, [string]$Text, [string]$Name = $script:Stage) {
    # Windows PowerShell cannot open COM1 as a file (.NET Framework refuses
    # devices), hence SerialPort. The port is exclusive and may be held, or not
    # be there at all: five tries, and never an error.
    Write-Log "$State $Text"
    $line = ConvertTo-BeaconText "wintemplate: $Name $State $Text"
    for ($try = 1; $try -le 5; $try++) {
        $port = $null
        try {
            $port = New-Object -TypeName System.IO.Ports.SerialPort -ArgumentList 'COM1', 115200
            $port.WriteTimeout = 2000
            $port.Open()
            $port.Write("$line`r`n")
            return
        } catch {
            Write-Log "COM1: $($_.Exception.Message)"
            Start-Sleep -Milliseconds 200
        } finally {
            if ($null -ne $port) { try { $port.Close() } catch { $null = $_ } }
        }
    }
}

function Get-Reason($ErrorRecord) {
    # Windows' messages are in its own language and not ASCII: the command, its
    # id and code say the same in every language.
    if ($ErrorRecord.FullyQualifiedErrorId -eq $ErrorRecord.Exception.Message) {
        return $ErrorRecord.Exception.Message # one of ours
    }
    $id = $ErrorRecord.FullyQualifiedErrorId -replace ',.*$', ''
    $command = ''
    if ($null -ne $ErrorRecord.InvocationInfo -and $null -ne $ErrorRecord.InvocationInfo.MyCommand) {
        $command = $ErrorRecord.InvocationInfo.MyCommand.Name
    }
    '{0} {1} 0x{2:x8} {3}' -f $command, $id, $ErrorRecord.Exception.HResult, $ErrorRecord.Exception.Message
}

function Enter-Stage([string]$Name) {
    $script:Stage = $Name
    Send-Beacon 'start' ''
}

function Get-Value($Object, [string]$Name, $Default) {
    # A member of the parameters that may be missing, null, empty or 0.
    if ($null -eq $Object -or $null -eq $Object.PSObject.Properties[$Name]) { return $Default }
    $value = $Object.$Name
    if ($null -eq $value -or $value -eq '' -or $value -eq 0) { return $Default }
    $value
}

function Get-List($Object, [string]$Name) {
    # A list of the parameters; a null one has no items. Callers put it in @(),
    # since a function's array of one item comes out as that item.
    if ($null -eq $Object.PSObject.Properties[$Name]) { return @() }
    @($Object.$Name | Where-Object { $null -ne $_ })
}

function Get-DiscFile([string]$Path, [string]$Hash) {
    # A file of the answer disc by its path there, checked before it is used.
    $local = Join-Path (Split-Path -Parent $Source) ($Path -replace '/', '\')
    if (-not (Test-Path -LiteralPath $local)) { throw "the answer disc has no $Path" }
    if ($Hash) {
        $found = (Get-FileHash -LiteralPath $local -Algorithm SHA256).Hash
        if ($found -ne $Hash) { throw "$Path on the answer disc is damaged: its SHA-256 is $($found.ToLower())" }
    }
    $local
}

function Invoke-Program([string]$File, [string]$Arguments, [int]$Seconds, [string]$What) {
    # Runs a program to its end, and no longer than it may take.
    Write-Log "run $What"
    $options = @{ FilePath = $File; PassThru = $true }
    if ($Arguments) { $options.ArgumentList = $Arguments }
    $process = Start-Process @options
    $null = $process.Handle # without it there is no ExitCode
    $null = $process.WaitForExit($Seconds * 1000)
    if (-not $process.HasExited) {
        $process.Kill()
        throw "$What did not end within $Seconds s"
    }
    Write-Log "$What ended with $($process.ExitCode)"
    $process.ExitCode
}

function Set-Power {
    # Windows 10 and 11 go to sleep in mid-build otherwise. Not worth a failed
    # build: a machine without power management has nothing to set.
    foreach ($setting in 'standby-timeout-ac', 'hibernate-timeout-ac', 'monitor-timeout-ac') {
        & powercfg.exe /change $setting 0
        if ($LASTEXITCODE -ne 0) { Write-Log "powercfg.exe /change $setting ended with $LASTEXITCODE" }
    }
    & powercfg.exe /hibernate off
    if ($LASTEXITCODE -ne 0) { Write-Log "powercfg.exe /hibernate ended with $LASTEXITCODE" }
}

function Read-Parameters {
    $text = Get-Content -LiteralPath (Join-Path $Source 'bootstrap.json') -Raw -Encoding UTF8
    $parameters = $text | ConvertFrom-Json
    if ($parameters.version -ne $Version) { throw "bootstrap.json has version $($parameters.version), this script reads $Version" }
    $null = Get-DiscFile 'wintemplate/manifest.json' $parameters.manifest_sha256
    $parameters
}

function Install-Stage($Parameters, [string]$Name) {
    foreach ($installer in (Get-List $Parameters 'installers')) {
        if ($installer.stage -ne $Name) { continue }
        $file = Get-DiscFile $installer.path $installer.sha256
        $leaf = Split-Path -Leaf $file
        $arguments = @(Get-List $installer 'arguments') -join ' '
        $program = $file
        if ($leaf -like '*.msi') {
            $program = 'msiexec.exe'
            $arguments = "/i `"$file`" /qn /norestart /l*v `"$Work\$leaf.log`" $arguments".Trim()
        }
        $seconds = Get-Value $installer 'timeout_seconds' 1800
        for ($try = 1; ; $try++) {
            $code = Invoke-Program $program $arguments $seconds $leaf
            # Another installation is under way: wait for it.
            if ($code -ne 1618 -or $try -ge 20) { break }
            Start-Sleep -Seconds 30
        }
        $good = @(Get-List $installer 'success_codes')
        if ($good.Count -eq 0) { $good = @(0, 3010, 1641) }
        if ($good -notcontains $code) { throw "$leaf ended with code $code" }
        if ($code -eq 3010 -or $code -eq 1641) { Send-Beacon 'info' "$leaf wants a restart" }
        Wait-Services $leaf @(Get-List $installer 'services')
    }
}

function Wait-Services([string]$Leaf, $Names) {
    # By the registry, which has drivers as well as services.
    foreach ($service in $Names) {
        $key = "HKLM:\SYSTEM\CurrentControlSet\Services\$service"
        for ($waited = 0; $waited -lt 60 -and -not (Test-Path -LiteralPath $key); $waited += 2) { Start-Sleep -Seconds 2 }
        if (-not (Test-Path -LiteralPath $key)) { throw "$Leaf was installed, but there is no service $service" }
    }
}

function Import-Publishers($Parameters) {
    # So that no driver asks whether its publisher is to be trusted.
    foreach ($certificate in (Get-List $Parameters 'trusted_publishers')) {
        $file = Get-DiscFile $certificate.path $certificate.sha256
        $null = Import-Certificate -FilePath $file -CertStoreLocation Cert:\LocalMachine\TrustedPublisher
    }
}

function Invoke-Commands($Parameters) {
    # The user's own commands may hold secrets: only their numbers are told.
    $number = 0
    $commands = @(Get-List $Parameters 'commands')
    foreach ($line in $commands) {
        $number++
        $what = "first_logon_commands $number of $($commands.Count)"
        $code = Invoke-Program 'cmd.exe' "/d /s /c `"$line`"" 7200 $what
        if ($code -ne 0 -and $code -ne 3010) { throw "$what ended with code $code" }
    }
}

function Set-Proxy($Parameters) {
    $proxy = Get-Value $Parameters 'proxy' $null
    if ($null -eq $proxy) { return }
    $bypass = @(Get-List $proxy 'bypass') -join ';'
    if ($bypass) {
        & netsh.exe winhttp set proxy "proxy-server=$($proxy.server)" "bypass-list=$bypass"
    } else {
        & netsh.exe winhttp set proxy "proxy-server=$($proxy.server)"
    }
    if ($LASTEXITCODE -ne 0) { throw "netsh.exe winhttp set proxy ended with code $LASTEXITCODE" }
    $policy = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings'
    Set-RegistryValue $policy 'ProxySettingsPerUser' 0 'DWord'
    $machine = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings'
    Set-RegistryValue $machine 'ProxyEnable' 1 'DWord'
    Set-RegistryValue $machine 'ProxyServer' $proxy.server 'String'
    if ($bypass) { Set-RegistryValue $machine 'ProxyOverride' $bypass 'String' }
}

function Set-RegistryValue([string]$Key, [string]$Name, $Value, [string]$Type) {
    if (-not (Test-Path -LiteralPath $Key)) { $null = New-Item -Path $Key -Force }
    $null = New-ItemProperty -LiteralPath $Key -Name $Name -Value $Value -PropertyType $Type -Force
}

function Get-NetworkTrouble {
    # Why there is no usable network, or nothing when there is one.
    $adapters = @(Get-NetAdapter -ErrorAction SilentlyContinue)
    if ($adapters.Count -eq 0) { return 'Windows has no network adapter; is its NetKVM driver on the answer disc?' }
    $up = @($adapters | Where-Object { $_.Status -eq 'Up' })
    if ($up.Count -eq 0) { return 'the network adapter has no link; is its link state up?' }
    $addresses = @(Get-NetIPAddress -AddressFamily IPv4 -ErrorAction SilentlyContinue | Where-Object {
            $_.IPAddress -notlike '127.*' -and $_.IPAddress -notlike '169.254.*' -and $_.IPAddress -ne '0.0.0.0' })
    if ($addresses.Count -eq 0) { return 'the network adapter has no address; does DHCP answer?' }
    if (@(Get-NetConnectionProfile -ErrorAction SilentlyContinue).Count -eq 0) { return 'the network has no connection profile yet' }
    ''
}

function Wait-Network($Parameters) {
    # Counts its own sleeps: the clock may be set in the meantime.
    $limit = Get-Value (Get-Value $Parameters 'network' $null) 'wait_seconds' 600
    $trouble = Get-NetworkTrouble
    for ($waited = 0; $trouble -and $waited -lt $limit; $waited += 2) {
        Start-Sleep -Seconds 2
        $trouble = Get-NetworkTrouble
    }
    if ($trouble) { throw "no network within $limit s: $trouble" }
    Set-NetworkPrivate
}

function Set-NetworkPrivate {
    # WinRM refuses to be configured while one connection is Public, and one
    # can become so at any time: hence before every write, and never an error.
    try {
        Get-NetConnectionProfile | Where-Object { $_.NetworkCategory -eq 'Public' -or $_.NetworkCategory -eq 0 } |
            Set-NetConnectionProfile -NetworkCategory Private
    } catch { Write-Log "network category: $(Get-Reason $_)" }
}

function Set-WSManValue([string]$Path, $Value) {
    Set-NetworkPrivate
    Set-Item -Path "WSMan:\localhost\$Path" -Value $Value -Force
}

function Get-Quotas($Parameters) {
    $winrm = Get-Value $Parameters 'winrm' $null
    [ordered]@{
        'MaxTimeoutms'               = Get-Value $winrm 'max_timeout_ms' 1800000
        'Shell\MaxMemoryPerShellMB'  = Get-Value $winrm 'max_memory_per_shell_mb' 2048
        'Shell\MaxProcessesPerShell' = Get-Value $winrm 'max_processes_per_shell' 200
        'Shell\MaxShellsPerUser'     = Get-Value $winrm 'max_shells_per_user' 100
    }
}

function Save-Before($Quotas) {
    # What the seal puts back. A second run must not overwrite the first's.
    if (Test-Path -LiteralPath $Before) { return }
    $service = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Services\WinRM'
    $values = [ordered]@{}
    foreach ($path in $Quotas.Keys) { $values[$path] = [string](Get-Item -Path "WSMan:\localhost\$path").Value }
    $state = [ordered]@{
        version       = $Version
        winrm_start   = [int]$service.Start
        winrm_delayed = [bool](Get-Value $service 'DelayedAutostart' 0)
        wsman         = $values
    }
    Set-Content -LiteralPath $Before -Value (ConvertTo-Json -InputObject $state) -Encoding ASCII
}

function Start-WinRM {
    if ((Get-Service -Name WinRM).Status -ne 'Running') { Start-Service -Name WinRM }
}

function Import-ListenerCertificate($Parameters) {
    # The certificate was made by the host, which pins it. Import-PfxCertificate
    # puts the private key where the service can read it.
    $file = Get-DiscFile $Parameters.certificate.path ''
    $password = ConvertTo-SecureString -String $Parameters.certificate.password -AsPlainText -Force
    $imported = @(Import-PfxCertificate -FilePath $file -CertStoreLocation Cert:\LocalMachine\My -Password $password)
    $sha = [System.Security.Cryptography.SHA256]::Create()
    foreach ($certificate in $imported) {
        $digest = [BitConverter]::ToString($sha.ComputeHash($certificate.RawData)) -replace '-', ''
        if ($digest -eq $Parameters.certificate.certificate_sha256) { return $certificate.Thumbprint }
    }
    throw "$($Parameters.certificate.path) does not hold the certificate of this build"
}

function Set-Basic {
    # Basic goes inside HTTPS only: AllowUnencrypted stays off. When WinRM
    # refuses to be configured, its registry value does the same.
    try {
        Set-WSManValue 'Service\Auth\Basic' $true
    } catch {
        Write-Log "Basic by the registry: $(Get-Reason $_)"
        Set-RegistryValue 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Service' 'auth_basic' 1 'DWord'
        Restart-Service -Name WinRM -Force
    }
}

function Set-Quotas($Quotas) {
    # Only ever raised, and only a convenience: a refusal is noted.
    foreach ($path in $Quotas.Keys) {
        try {
            $now = [int64](Get-Item -Path "WSMan:\localhost\$path").Value
            if ($now -lt $Quotas[$path]) { Set-WSManValue $path $Quotas[$path] }
        } catch { Write-Log "${path}: $(Get-Reason $_)" }
    }
}

function Set-Listener([string]$Thumbprint, [int]$Port) {
    Set-NetworkPrivate
    foreach ($listener in @(Get-ChildItem -Path WSMan:\localhost\Listener)) {
        Remove-Item -Path "WSMan:\localhost\Listener\$($listener.Name)" -Recurse -Force
    }
    Get-NetFirewallRule -Name 'WINRM-HTTP-In-TCP*' -ErrorAction SilentlyContinue | Disable-NetFirewallRule
    # Without a host name, else the certificate's must be the computer's.
    $null = New-Item -Path WSMan:\localhost\Listener -Transport HTTPS -Address * -Port $Port -CertificateThumbPrint $Thumbprint -Force
}

function Set-WinRM($Parameters) {
    $quotas = Get-Quotas $Parameters
    $port = Get-Value (Get-Value $Parameters 'winrm' $null) 'port' 5986
    Start-WinRM
    Save-Before $quotas
    $thumbprint = Import-ListenerCertificate $Parameters
    Set-Basic
    Set-Quotas $quotas
    Set-Listener $thumbprint $port
    # A local administrator is one over the network too.
    Set-RegistryValue 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System' 'LocalAccountTokenFilterPolicy' 1 'DWord'
    # Not "auto": the service has been seen not to start then.
    & sc.exe config WinRM start= delayed-auto
    if ($LASTEXITCODE -ne 0) { throw "sc.exe config WinRM ended with code $LASTEXITCODE" }
    Restart-Service -Name WinRM -Force
    if (@(Get-ChildItem -Path WSMan:\localhost\Listener).Count -ne 1) { throw 'WinRM has not exactly one listener' }
}

function Open-Firewall($Parameters) {
    $winrm = Get-Value $Parameters 'winrm' $null
    $rule = Get-Value $winrm 'firewall_rule' 'wintemplate-winrm'
    Get-NetFirewallRule -Name $rule -ErrorAction SilentlyContinue | Remove-NetFirewallRule
    $null = New-NetFirewallRule -Name $rule -DisplayName $rule -Profile Any -Direction Inbound -Action Allow -Protocol TCP -LocalPort (Get-Value $winrm 'port' 5986)
}

function Clear-Autologon {
    # The logon has been; the password it needed stands in the registry as
    # text. Overwritten by as many characters, which go into the same cell: a
    # value that is only removed, as Windows itself does later, can still be
    # read in the hive's file.
    $key = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
    try {
        $winlogon = Get-Item -LiteralPath $key
        if (@($winlogon.Property) -contains 'DefaultPassword') {
            $password = [string]$winlogon.GetValue('DefaultPassword')
            if ($password.Length -gt 0) { Set-RegistryValue $key 'DefaultPassword' ('0' * $password.Length) 'String' }
            Remove-ItemProperty -LiteralPath $key -Name 'DefaultPassword' -Force
        }
        Set-RegistryValue $key 'AutoAdminLogon' '0' 'String'
    } catch { Write-Log "autologon: $(Get-Reason $_)" }
}

function Write-Marker($Parameters) {
    $done = [ordered]@{ version = $Version; build_id = $Parameters.build_id; manifest_sha256 = $Parameters.manifest_sha256 }
    Set-Content -LiteralPath $Marker -Value (ConvertTo-Json -InputObject $done) -Encoding ASCII
}

function Test-Administrator {
    # fltmc.exe answers elevated administrators only.
    $null = & fltmc.exe
    $LASTEXITCODE -eq 0
}

try {
    $null = New-Item -ItemType Directory -Path $Work -Force
    Enter-Stage 'bootstrap' # the host raises the network adapter's link at this line
    Set-Power
    if ($env:PROCESSOR_ARCHITECTURE -eq 'x86') { throw 'this PowerShell is a 32-bit process' }
    if (-not (Test-Administrator)) { throw 'the account that logged on is no elevated administrator' }
    $parameters = Read-Parameters

    Enter-Stage 'bootstrap.drivers'
    Import-Publishers $parameters
    Install-Stage $parameters 'drivers'
    Send-Beacon 'ok' ''

    Enter-Stage 'bootstrap.agent'
    Install-Stage $parameters 'agent'
    Send-Beacon 'ok' ''

    $script:Stage = 'bootstrap'
    Set-Proxy $parameters
    Invoke-Commands $parameters

    Enter-Stage 'bootstrap.network'
    Wait-Network $parameters
    Send-Beacon 'ok' ''

    Enter-Stage 'bootstrap.winrm'
    Set-WinRM $parameters
    Send-Beacon 'ok' ''

    $script:Stage = 'bootstrap.ready'
    Open-Firewall $parameters
    Clear-Autologon
    Write-Marker $parameters
    Send-Beacon 'ok' ''
} catch {
    Write-Log ($_ | Out-String)
    Send-Beacon 'fail' (Get-Reason $_)
    exit 1
}
