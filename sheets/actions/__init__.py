"""What people do to a sheet as a whole, one function per mutation.

Pages, the administration and the API call them. Each asks the table of rules, locks the sheet,
refuses what its state does not allow, and writes an event and the audit log in one transaction.
"""
