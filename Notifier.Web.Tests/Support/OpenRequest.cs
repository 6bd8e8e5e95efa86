using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>A request on its own TCP connection, sent byte for byte. Its answer is read only when the test asks for it.</summary>
internal sealed class OpenRequest : IDisposable
{
    private readonly Socket socket;

    private OpenRequest(Socket socket) => this.socket = socket;

    /// <param name="address">The server.</param>
    /// <param name="request">What is sent; perhaps only the beginning of a request.</param>
    /// <param name="from">The client's own address, such as 127.0.0.2.</param>
    public static async Task<OpenRequest> SendAsync(Uri address, string request, string from = "127.0.0.1")
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4 * 1024, NoDelay = true };
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port, limit.Token);
        var opened = new OpenRequest(socket);
        await opened.SendAsync(request);
        return opened;
    }

    public static Task<OpenRequest> GetAsync(Uri address, string path, string from = "127.0.0.1") =>
        SendAsync(address, $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", from);

    /// <summary>
    /// A POST whose body never ends. Waits until its route reads the body: before that, another request could take the place that it is meant to have.
    /// </summary>
    public static async Task<OpenRequest> EndlessAsync(Uri address, string path, string headers = "")
    {
        var request = await SendAsync(address, $"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Expect: 100-continue\r\nContent-Length: 100\r\n\r\n");
        var answer = await request.ReadStartAsync();
        if (!answer.StartsWith("HTTP/1.1 100 ", StringComparison.Ordinal))
            throw new InvalidOperationException($"The route does not read the body: {answer}");
        await request.SendAsync("a");
        return request;
    }

    /// <summary>Sends more of the request.</summary>
    public async Task SendAsync(string text)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        await socket.SendAsync(Encoding.Latin1.GetBytes(text), limit.Token);
    }

    /// <summary>Waits until the answer has begun, without reading it.</summary>
    public Task BeginsAsync() => Eventually.IsAsync(() => socket.Available > 0, "the server answers");

    /// <summary>The beginning of the answer: its headers at least.</summary>
    public async Task<string> ReadStartAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var buffer = new byte[4 * 1024];
        return Encoding.Latin1.GetString(buffer, 0, await socket.ReceiveAsync(buffer, limit.Token));
    }

    /// <summary>The answer up to the end of the connection, also if the server resets it.</summary>
    public async Task<string> ReadToEndAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var (text, buffer) = (new StringBuilder(), new byte[64 * 1024]);
        try
        {
            while (await socket.ReceiveAsync(buffer, limit.Token) is > 0 and var read)
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        catch (SocketException)
        {
        }
        return text.ToString();
    }

    public void Dispose() => socket.Dispose();
}
