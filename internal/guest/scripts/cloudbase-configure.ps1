Stop-Operation -Code 'not-yet' -Message 'cloudbase-configure is not there yet'
