#!/bin/sh
# Writes the page into the bucket of a stack that `sam deploy` made:  ./publish.sh STACK
set -eu
stack=${1:?"Name the stack: ./publish.sh STACK"}
here=$(dirname "$0")
output() {
  aws cloudformation describe-stacks --stack-name "$stack" \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cp "$here"/page/* "$folder"
printf '{"signInAddress": "%s", "clientId": "%s"}\n' "$(output SignInAddress)" "$(output ClientId)" \
  > "$folder/config.json"
aws s3 sync --delete "$folder" "s3://$(output PageBucket)"
aws cloudfront create-invalidation --distribution-id "$(output Distribution)" --paths "/*" > /dev/null
echo "Open $(output Page)"
