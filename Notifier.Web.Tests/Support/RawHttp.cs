using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>Requests byte for byte: no client changes the address, or what is said of the body.</summary>
internal static class RawHttp
{
    /// <summary>Sends this and reads the answer. Ask for <c>Connection: close</c>, for it is read to its end.</summary>
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

    /// <summary>The same, without waiting for the end: only what comes first.</summary>
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
