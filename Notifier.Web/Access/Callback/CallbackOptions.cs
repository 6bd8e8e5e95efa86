using Notifier.Configuration;

namespace Notifier.Access.Callback;

/// <summary><c>Access:Callback</c>: Notifier asks the application what a visitor may do. For applications with their own sessions.</summary>
public sealed class CallbackOptions
{
    /// <summary>
    /// An address of the application (http or https). Notifier sends it a GET with the visitor's cookies, origin and IP address. Default none.
    /// </summary>
    public string Url { get; set; } = "";

    /// <summary>How long the application may take, including the wait for a turn (<see cref="Concurrency"/>). 100 ms to 30 s; default 3 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Concurrent requests; others wait. Callers of one IP address get a twentieth of them if addresses are known (<c>ForwardedHeaders</c>,
    /// <c>Limits:ConnectionsPerAddress</c>), else half. 1 to 10,000; default 64.
    /// </summary>
    public int Concurrency { get; set; } = 64;

    /// <summary>How long an answer is valid for the same cookies, origin and IP address. Zero to 1 min; default 5 s.</summary>
    public TimeSpan CacheFor { get; set; } = TimeSpan.FromSeconds(5);

    internal bool IsEnabled => Url.Length > 0;
}

/// <summary>Validates <c>Access:Callback</c>.</summary>
internal static class CallbackValidation
{
    private const string Key = "Access:Callback";

    public static OptionErrors Callback(this OptionErrors errors, CallbackOptions callback) => errors
        .Must(
            !callback.IsEnabled || IsAddress(callback.Url),
            $"{Key}:Url is not a valid address; set one such as https://app.example.com/notifier, without user name and password.")
        .Range($"{Key}:Timeout", callback.Timeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(30))
        .Range($"{Key}:Concurrency", callback.Concurrency, 1, 10_000)
        .Range($"{Key}:CacheFor", callback.CacheFor, TimeSpan.Zero, TimeSpan.FromMinutes(1));

    private static bool IsAddress(string url) => Uri.TryCreate(url, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
        && uri.UserInfo.Length == 0;
}
