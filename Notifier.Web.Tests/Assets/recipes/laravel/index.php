<?php
// A stand-in for Laravel, whose framework the tests do not have: php -S 127.0.0.1:PORT index.php. Cookie "user": who is logged in.
function config(string $key)
{
    return ['services.notifier.url' => getenv('NOTIFIER_URL'), 'services.notifier.secret' => getenv('NOTIFIER_SECRET')][$key];
}

function response(string $text, int $status = 200, array $headers = [])
{
    http_response_code($status);
    foreach ($headers as $name => $value) {
        header("$name: $value");
    }

    return $text;
}

class Auth
{
    public static function check(): bool
    {
        return isset($_COOKIE['user']);
    }

    public static function id(): ?int
    {
        return self::check() ? (int) $_COOKIE['user'] : null;
    }
}

class Route
{
    public static function get(string $path, Closure $action)
    {
        if ($_SERVER['REQUEST_URI'] === $path) {
            exit($action());
        }
    }
}

if (file_exists(__DIR__.'/web.php')) {
    require __DIR__.'/web.php';
}

// What Blade compiles {{ … }} to.
$template = file_get_contents(__DIR__.'/app.blade.php');
eval('?>'.preg_replace('/\{\{\s*(.+?)\s*\}\}/', '<?= htmlspecialchars($1) ?>', $template));
