namespace Notifier.Tests.Support;

/// <summary>Settings with which this machine is a known proxy: <c>X-Forwarded-For</c> is the client's address, and each address has limits.</summary>
internal static class KnownProxy
{
    /// <summary>In Production, because a server in Development rejects clients of other addresses. Everything is open, as there.</summary>
    public static readonly string[] Settings =
    [
        "environment=Production", "Access:Anonymous:Subscribe:0=*", "Access:Anonymous:Publish:0=*", "ForwardedHeaders:KnownProxies:0=127.0.0.1",
    ];
}
