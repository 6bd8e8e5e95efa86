using Notifier.Tests.Support;

namespace Notifier.Tests.Endpoints;

/// <summary>The client of an example.</summary>
internal interface IExamplePeer : IAsyncDisposable
{
    Task SendAsync(string text);

    /// <summary>The next thing that the server sends, in the notation of the page.</summary>
    Task<string> ReadAsync();

    /// <summary>Reads whatever the server sends beyond what the page shows.</summary>
    Task<IReadOnlyList<string>> ReadRestAsync();
}

/// <summary>Shows text frames as they are, and a close as <c>close 4400 reason</c>.</summary>
/// <param name="socket">The connection.</param>
/// <param name="showsPings">Whether to show <c>ping</c>, which the server sends at any moment. Only an example of <c>ping</c> needs
/// it.</param>
internal sealed class SocketPeer(RawWebSocket socket, bool showsPings) : IExamplePeer
{
    private const string Ping = """{"type":"ping"}""";

    private bool isClosed;

    public static async Task<SocketPeer> ConnectAsync(ExampleSetup stage, bool showsPings)
    {
        var (path, headers) = stage.Handshake();
        return new SocketPeer(await RawWebSocket.ConnectAsync(stage.App.WebSocketAddress(path), receiveBuffer: 4096, headers), showsPings);
    }

    public Task SendAsync(string text) => socket.SendTextAsync(text);

    public async Task<string> ReadAsync()
    {
        while (true)
        {
            var frame = await socket.ReadMessageAsync();
            if (frame.Opcode == Frame.CloseOpcode)
            {
                isClosed = true;
                await socket.SendCloseAsync((ushort)frame.CloseCode);
                return $"close {frame.CloseCode} {frame.CloseText}";
            }
            if (frame.Opcode == Frame.TextOpcode && (showsPings || frame.Text != Ping))
                return frame.Text;
        }
    }

    public async Task<IReadOnlyList<string>> ReadRestAsync() =>
        isClosed ? [] : (await socket.DrainAsync()).FindAll(text => showsPings || text != Ping);

    public ValueTask DisposeAsync() => socket.DisposeAsync();
}

/// <summary>Sends a request line and headers. The answer is the status, the content type, and the lines of the body.</summary>
internal sealed class HttpPeer(Uri server) : IExamplePeer
{
    private readonly HttpClient http = new();
    private readonly List<string> sent = [];
    private HttpResponseMessage? response;
    private StreamReader? body;
    private bool hasBegun;

    public Task SendAsync(string text)
    {
        sent.Add(text);
        return Task.CompletedTask;
    }

    public async Task<string> ReadAsync()
    {
        if (body is not null)
        {
            var line = await ReadLineAsync();
            // A comment begins each stream. Later ones come at any moment, as pings do.
            while (hasBegun && line == ":")
                line = await ReadLineAsync() == "" ? await ReadLineAsync() : throw new FormatException("A comment is not alone.");
            hasBegun |= line == ":";
            return line;
        }
        using var request = Request();
        response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(RawWebSocket.Limit);
        body = new StreamReader(await response.Content.ReadAsStreamAsync());
        return $"{(int)response.StatusCode} {response.Content.Headers.ContentType}";
    }

    private async Task<string> ReadLineAsync() => await body!.ReadLineAsync().WaitAsync(RawWebSocket.Limit) ?? throw new IOException("The answer has ended.");

    /// <summary>An event stream stays open. Every other answer has ended.</summary>
    public async Task<IReadOnlyList<string>> ReadRestAsync()
    {
        if (response!.Content.Headers.ContentType!.MediaType == "text/event-stream")
            return [];
        var rest = await body!.ReadToEndAsync();
        return rest.Length == 0 ? [] : [rest];
    }

    public ValueTask DisposeAsync()
    {
        body?.Dispose();
        response?.Dispose();
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    private HttpRequestMessage Request()
    {
        var line = sent[0].Split(' ');
        var request = new HttpRequestMessage(new HttpMethod(line[0]), new Uri(server, line[1]));
        foreach (var header in sent.Skip(1))
        {
            var colon = header.IndexOf(": ", StringComparison.Ordinal);
            request.Headers.TryAddWithoutValidation(header[..colon], header[(colon + 2)..]);
        }
        return request;
    }
}
