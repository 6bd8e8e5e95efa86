using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>Sends requests byte for byte, because an HTTP client would change the address and the headers of the body.</summary>
internal static class RawHttp
{
    /// <summary>Sends a request and reads the answer until its end. The request must contain <c>Connection: close</c>.</summary>
    public static async Task<string> AskAsync(NotifierApp app, string request)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        using var client = new TcpClient();
        await client.ConnectAsync(app.Address.Host, app.Address.Port, limit.Token);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request), limit.Token);
        using var answer = new MemoryStream();
        await stream.CopyToAsync(answer, limit.Token);
        return Encoding.UTF8.GetString(answer.ToArray());
    }

    /// <summary>Sends a request and reads only the beginning of the answer.</summary>
    public static async Task<string> BeginAsync(NotifierApp app, string request)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        using var client = new TcpClient();
        await client.ConnectAsync(app.Address.Host, app.Address.Port, limit.Token);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request), limit.Token);
        var first = new byte[4096];
        return Encoding.UTF8.GetString(first, 0, await stream.ReadAsync(first, limit.Token));
    }
}
