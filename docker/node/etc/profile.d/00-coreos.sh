# As on CoreOS: programs of the machine's own in /opt/bin, those of the system for everyone.
PATH=$PATH:/usr/sbin:/sbin:/opt/bin
