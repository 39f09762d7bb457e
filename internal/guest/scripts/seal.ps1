Stop-Operation -Code 'not-yet' -Message 'seal is not there yet'
