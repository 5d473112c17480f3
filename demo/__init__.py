"""Everything that the visitor sees. It takes callables and knows of no network.

``interface`` builds the page, ``present`` turns numbers into HTML, ``style`` holds theme and CSS,
``texts`` the words, ``loading`` brings up the network behind the page.
"""
