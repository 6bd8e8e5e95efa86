using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Notifier.Tests.Support;

/// <summary>The lines between two empty lines of an event stream.</summary>
internal sealed record EventBlock(IReadOnlyList<string> Comments, string? Id, string? Retry, string? Data)
{
    public JsonObject Json => JsonNode.Parse(Data!)!.AsObject();
}

/// <summary>
/// A client of <c>/events</c> that parses as HTML specifies (9.2.6): a line ends with CR, LF, or both. The client reads only when the
/// test asks for it, so it can stall.
/// </summary>
internal sealed class EventClient : IDisposable
{
    private readonly HttpMessageInvoker invoker;
    private readonly CancellationTokenSource limit = new();
    private StreamReader? body;

    private EventClient(int receiveBuffer)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                if (receiveBuffer > 0)
                    socket.ReceiveBufferSize = receiveBuffer;
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost";
        invoker = new HttpMessageInvoker(handler);
    }

    public HttpResponseMessage Response { get; private set; } = null!;

    /// <summary>Sends the request, and returns after the headers of the answer.</summary>
    public static Task<EventClient> OpenAsync(
        NotifierApp app, string query, Version? version = null, int receiveBuffer = 0, params (string Name, string Value)[] headers) =>
        SendAsync(app, query, null, version, receiveBuffer, headers);

    /// <summary>The same with names in the body.</summary>
    public static Task<EventClient> PostAsync(NotifierApp app, HttpContent body, Version? version = null, params (string Name, string Value)[] headers) =>
        SendAsync(app, "", body, version, 0, headers);

    private static async Task<EventClient> SendAsync(
        NotifierApp app, string query, HttpContent? body, Version? version, int receiveBuffer, (string Name, string Value)[] headers)
    {
        var client = new EventClient(receiveBuffer);
        var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, new Uri(app.Address, "/events" + query))
        {
            Content = body,
            Version = version ?? HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        client.Response = await client.invoker.SendAsync(request, client.limit.Token).WaitAsync(Eventually.Limit);
        client.body = new StreamReader(await client.Response.Content.ReadAsStreamAsync(), new UTF8Encoding(false, true), false, 1024);
        return client;
    }

    /// <summary>Opens a stream, and reads until all names of the address are subscribed.</summary>
    public static async Task<EventClient> ListenAsync(
        NotifierApp app, string query, Version? version = null, int receiveBuffer = 0, params (string Name, string Value)[] headers)
    {
        var client = await OpenAsync(app, query, version, receiveBuffer, headers);
        (await client.ReadAsync()).ShouldBeComment();
        for (var names = query.Count(c => c == '='); names > 0; names--)
        {
            var said = await client.NextAsync();
            if ((string?)said["type"] != "subscribed")
                throw new InvalidOperationException(said.ToJsonString());
        }
        return client;
    }

    /// <summary>Reads the next block, even if it has only comments.</summary>
    /// <exception cref="EndOfStreamException">The server has ended the stream without a reset.</exception>
    public async Task<EventBlock> ReadAsync()
    {
        var comments = new List<string>();
        var data = new List<string>();
        string? id = null, retry = null;
        while (true)
        {
            // Splits an event stream at CR, LF, or CR and LF.
            var line = await body!.ReadLineAsync(limit.Token).AsTask().WaitAsync(Eventually.Limit) ?? throw new EndOfStreamException();
            if (line.Length == 0)
                return new EventBlock(comments, id, retry, data.Count == 0 ? null : string.Join('\n', data));
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var value = line[(colon + 1)..];
            value = value.StartsWith(' ') ? value[1..] : value;
            switch (colon < 0 ? line : line[..colon])
            {
                case "":
                    comments.Add(value);
                    break;
                case "data":
                    data.Add(value);
                    break;
                case "id":
                    id = value;
                    break;
                case "retry":
                    retry = value;
                    break;
                default:
                    throw new InvalidOperationException($"An unexpected line: {line}");
            }
        }
    }

    /// <summary>Reads the next event, and skips comments.</summary>
    public async Task<EventBlock> NextBlockAsync()
    {
        EventBlock block;
        do
            block = await ReadAsync();
        while (block.Data is null);
        return block;
    }

    /// <summary>Reads the JSON object of the next event.</summary>
    public async Task<JsonObject> NextAsync() => (await NextBlockAsync()).Json;

    /// <summary>Reads the rest of an answer that ends.</summary>
    public Task<string> ReadAllAsync() => body!.ReadToEndAsync().WaitAsync(Eventually.Limit);

    public void Dispose()
    {
        limit.Cancel();
        body?.Dispose();
        Response?.Dispose();
        invoker.Dispose();
        limit.Dispose();
    }
}

internal static class EventBlocks
{
    public static void ShouldBeComment(this EventBlock block)
    {
        if (block.Data is not null || block.Comments.Count == 0)
            throw new InvalidOperationException($"Not a comment: {block}");
    }
}
