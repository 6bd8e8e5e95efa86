namespace Notifier.Access;

/// <summary>What <c>Access:Callback</c> may be.</summary>
internal static class CallbackRules
{
    private const string Key = "Access:Callback";

    public static OptionErrors Callback(this OptionErrors errors, CallbackOptions callback) => errors
        .Must(
            !callback.IsEnabled || IsAddress(callback.Url),
            $"{Key}:Url is no address of the application; one such as https://app.example.com/notifier is allowed, without a user or password.")
        .Range($"{Key}:Timeout", callback.Timeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(30))
        .Range($"{Key}:Concurrency", callback.Concurrency, 1, 10_000)
        .Range($"{Key}:CacheFor", callback.CacheFor, TimeSpan.Zero, TimeSpan.FromMinutes(1));

    private static bool IsAddress(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
        && uri.UserInfo.Length == 0;
}
