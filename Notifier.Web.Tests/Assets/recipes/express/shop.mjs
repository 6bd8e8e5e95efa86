// An Express application around the recipe: node shop.mjs PORT. Cookie "user": who is logged in. The recipe follows below.
import express from "express";

const app = express();
app.use((req, res, next) => {
  req.session = { userId: /user=(\d+)/.exec(req.headers.cookie)?.[1] };
  next();
});
app.listen(process.argv[2], "127.0.0.1");

