using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Notifier.Access.Callback;

/// <summary>What Notifier sends to the application about a visitor: what identifies a session, and nothing else.</summary>
internal sealed record CallbackRequest(string Cookies, string Origin, string Address)
{
    private const int ConnectionBytes = 4 * 1024;

    /// <summary>A hash, so that the cache contains no cookie.</summary>
    public string Key => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{Cookies}\n{Origin}\n{Address}")));

    /// <summary>The memory of a request that waits: its cookies twice as text (two bytes for each character), and the connection.</summary>
    public int Bytes => (4 * (Cookies.Length + Origin.Length)) + ConnectionBytes;

    /// <summary>The caller's IPv4 address, or the /64 of its IPv6 address, of which a provider assigns at least one to each customer (RFC 6177).</summary>
    public string Network => IPAddress.TryParse(Address, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6
        ? Convert.ToHexString(address.GetAddressBytes(), 0, 8)
        : Address;

    public static CallbackRequest From(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress ?? IPAddress.None;
        return new(
            string.Join("; ", context.Request.Headers.Cookie.AsEnumerable()),       // over HTTP/2 each may be a header
            context.Request.Headers.Origin.ToString(),
            (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString());
    }

    /// <summary>A GET, so that the application's usual session handling serves it, and its CSRF protection does not reject it.</summary>
    public HttpRequestMessage ToRequest(string url)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.TryAddWithoutValidation("Accept", "application/json");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", Address);
        if (Cookies.Length > 0)
            request.Headers.TryAddWithoutValidation("Cookie", Cookies);
        if (Origin.Length > 0)
            request.Headers.TryAddWithoutValidation("Origin", Origin);
        return request;
    }
}
