# By WMI, as slmgr.vbs does it, whose output is in Windows' language and whose key would stand on a command line.
function Invoke-Licensing($Object, [string]$Method, [hashtable]$Arguments = @{}) {
    try {
        Invoke-CimMethod -InputObject $Object -MethodName $Method -Arguments $Arguments | Out-Null
    } catch {
        $code = '0x{0:X8}' -f $_.Exception.HResult
        # A CimException has it as an unsigned number, too large for [int].
        $status = $_.Exception.PSObject.Properties['StatusCode']
        if ($null -ne $status -and 0 -ne $status.Value) { $code = '0x{0:X8}' -f $status.Value }
        Stop-Operation -Code 'licensing' -Message "$Method failed with $code; is the key one of this edition, and does the KMS host answer?"
    }
}
$service = Get-CimInstance -ClassName SoftwareLicensingService | Select-Object -First 1
if ($Parameters.product_key -ne '') {
    Invoke-Licensing -Object $service -Method 'InstallProductKey' -Arguments @{ ProductKey = $Parameters.product_key }
    Invoke-Licensing -Object $service -Method 'RefreshLicenseStatus'
}
if ($Parameters.kms_host -ne '') {
    Invoke-Licensing -Object $service -Method 'SetKeyManagementServiceMachine' -Arguments @{ MachineName = $Parameters.kms_host }
    if ($Parameters.kms_port -ne 0) { Invoke-Licensing -Object $service -Method 'SetKeyManagementServicePort' -Arguments @{ PortNumber = [uint32]$Parameters.kms_port } }
}
# Windows' own application id.
$filter = "ApplicationID = '55c92734-d682-4d71-983e-d6ec3f16059f' AND PartialProductKey IS NOT NULL"
$product = Get-CimInstance -ClassName SoftwareLicensingProduct -Filter $filter | Select-Object -First 1
if ($null -eq $product) { Stop-Operation -Code 'no-key' -Message 'Windows has no product key; give product_key' }
if ($Parameters.activate) {
    Invoke-Licensing -Object $product -Method 'Activate'
    Invoke-Licensing -Object $service -Method 'RefreshLicenseStatus'
    $product = Get-CimInstance -ClassName SoftwareLicensingProduct -Filter $filter | Select-Object -First 1
}
Complete-Operation -Result @{ license_status = [int]$product.LicenseStatus; partial_key = "$($product.PartialProductKey)"; channel = "$($product.ProductKeyChannel)" }
