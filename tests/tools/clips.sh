#!/bin/sh
# Makes the clips that the reader of video headers is held against, in the folder that is named.
# Needs ffmpeg with libx264, libx265 and prores_ks. The clips are small: the picture is a colour.
set -eu
cd "$1"

make() { # NAME SIZE SECONDS OPTIONS…
    name=$1 size=$2 seconds=$3
    shift 3
    ffmpeg -nostdin -v error -y -f lavfi -i "color=gray:s=$size:r=25:d=$seconds,format=yuv444p" \
        -f lavfi -i "sine=r=44100:d=$seconds" "$@" -shortest "$name"
}
silent() { # NAME SIZE SECONDS OPTIONS…
    name=$1 size=$2 seconds=$3
    shift 3
    ffmpeg -nostdin -v error -y -f lavfi -i "color=gray:s=$size:r=25:d=$seconds,format=yuv444p" "$@" "$name"
}
h264="-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -b:a 32k"

# Lengths and sides at the limits. Odd sides need a format without halved colours.
for seconds in 1.92 2 10 10.12; do make "length-$seconds.mp4" 720x720 $seconds $h264; done
for side in 719 720 1920 1921; do
    silent "side-$side.mp4" "${side}x720" 2 -c:v libx264 -preset ultrafast -pix_fmt yuv444p
done

# Containers, codecs, and the order of boxes.
make tail.mov 1280x720 2 $h264
make fast.mp4 1280x720 2 $h264 -movflags +faststart
make hevc.mp4 1280x720 2 -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -c:a aac
make hevc.mov 1280x720 2 -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -c:a aac
make prores.mov 1280x720 2 -c:v prores_ks -profile:v 0 -c:a pcm_s16le
make mjpeg.mov 1280x720 2 -c:v mjpeg -c:a pcm_s16le
make mpeg4.mp4 1280x720 2 -c:v mpeg4 -c:a aac
make fragments.mp4 1280x720 4 $h264 -g 25 -movflags +frag_keyframe+empty_moov+default_base_moof
make fragments-moov.mp4 1280x720 4 $h264 -g 25 -movflags +frag_keyframe
make fragments.mov 1280x720 4 $h264 -g 25 -movflags +frag_keyframe+empty_moov
make samples.mp4 1280x720 4 $h264 -g 25 -movflags +frag_every_frame+empty_moov
make timecode.mov 1280x720 2 $h264 -timecode 01:00:00:00
make wide-pixels.mp4 960x720 2 $h264 -vf setsar=4/3
# Scaled to whole pixels, which are not quite square then.
make scaled.mp4 1080x1922 2 $h264 -vf scale=720:1280

# Rotated by what the header says, not in the picture. Until version 6 it was called otherwise.
if ffmpeg -v error -h full | grep -q display_rotation; then
    rotate() { ffmpeg -nostdin -v error -y -display_rotation "$1" -i "$2" -c copy "$3"; }
else
    rotate() { ffmpeg -nostdin -v error -y -i "$2" -c copy -metadata:s:v "rotate=$1" "$3"; }
fi
for degrees in 90 180 270; do
    rotate $degrees fast.mp4 "rotated-$degrees.mp4"
    rotate $degrees tail.mov "rotated-$degrees.mov"
done

# Edit lists: begun after the first frame, and with a delay.
ffmpeg -nostdin -v error -y -ss 0.5 -i length-10.mp4 -t 3 -c copy edited.mp4
ffmpeg -nostdin -v error -y -i fast.mp4 -itsoffset 0.7 -i fast.mp4 -map 0:v -map 1:a -c copy delayed.mp4

# Tracks of different lengths, and without a video.
ffmpeg -nostdin -v error -y -i length-2.mp4 -i length-10.mp4 -map 0:v -map 1:a -c copy longer-sound.mp4
ffmpeg -nostdin -v error -y -i length-2.mp4 -i length-10.mp4 -map 1:v -map 0:a -c copy longer-video.mp4
ffmpeg -nostdin -v error -y -i length-2.mp4 -map 0:a -c copy sound.m4a
ffmpeg -nostdin -v error -y -i length-2.mp4 -map 0:a -c copy sound.mp4
ffmpeg -nostdin -v error -y -i length-2.mp4 -i length-10.mp4 -map 0:v -map 1:v -c copy two-videos.mp4

# A cover as a track, and one that is as long as the clip.
ffmpeg -nostdin -v error -y -f lavfi -i color=red:s=300x300 -frames:v 1 cover.png
ffmpeg -nostdin -v error -y -i fast.mp4 -i cover.png -map 0 -map 1 -c copy cover.mov
ffmpeg -nostdin -v error -y -i fast.mp4 -loop 1 -t 2 -r 25 -i cover.png -map 0 -map 1 \
    -c copy -c:v:1 png -disposition:v:1 default cover-all-along.mov

# Not what they are called.
cp tail.mov mov-called.mp4
ffmpeg -nostdin -v error -y -i fast.mp4 -c:v copy -an -f matroska mkv-called.mp4
ffmpeg -nostdin -v error -y -i fast.mp4 -vn -f mp3 mp3-called.mp4
ffmpeg -nostdin -v error -y -i fast.mp4 -vn -f wav wav-called.mov
ffmpeg -nostdin -v error -y -i fast.mp4 -frames:v 1 -f image2 -c:v png png-called.mp4
ffmpeg -nostdin -v error -y -i fast.mp4 -c copy -f mpegts ts-called.mp4
: >empty.mp4

# Something behind the end, which is no harm, and files that were cut off.
{ cat fast.mp4; printf 'TAGsomething that a program put behind it'; } >appended.mp4
{ cat fast.mp4; echo; } >appended-line.mp4
{ cat fast.mp4; head -c 99 /dev/zero; } >appended-zeros.mp4
# A box of a kind that nobody knows, behind the first.
{ head -c 32 fast.mp4; printf '\0\0\0\014new!1234'; tail -c +33 fast.mp4; } >new-box.mp4
for name in fast.mp4 tail.mov fragments.mp4; do
    size=$(wc -c <$name)
    for part in 1 2 3 10 30 50 80 95 99; do
        head -c $((size * part / 100)) $name >"cut-$part-$name"
    done
    for less in 1 5 9 100; do head -c $((size - less)) $name >"cut-less-$less-$name"; done
done
