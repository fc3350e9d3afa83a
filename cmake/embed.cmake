# A file as an array of characters in C that ends in a zero, for files that the
# program carries; they are ASCII.
#     cmake -DIN=page.css -DNAME=yt_page_css -DOUT=page_css.c -P embed.cmake
cmake_minimum_required(VERSION 3.20)
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
       bytes "${bytes}")
file(WRITE ${OUT} "extern const char ${NAME}[];\nconst char ${NAME}[] = {\n${bytes}0};\n")
