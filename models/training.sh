# For scripts that make models anew: sourced from the project's folder, `from` being where they are trained, `to` where they
# belong.

finished() { # NAME FILE ARGUMENTS
    name=$1
    file=$2
    shift 2
    [ -e "$from/$name/$file" ] || "$PORTCULLIS" "$@" --size tiny --out "$from/$name"
}

moved() { # NAMES
    for name; do
        rm -rf "${to:?}/$name"
        mv "$from/$name" "$to/$name"
        rm -f "$to/$name"/*.png
    done
}
