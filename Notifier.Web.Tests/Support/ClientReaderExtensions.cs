using Notifier.Connections;

namespace Notifier.Tests.Support;

/// <summary>Reads as a session does.</summary>
internal static class ClientReaderExtensions
{
    /// <summary>The next message, or how the connection ended.</summary>
    public static async Task<ClientMessage> ReadAsync(this ClientReader reader)
    {
        try
        {
            while (true)
            {
                if (reader.TryRead(await reader.WaitAsync(), out var message))
                    return message;
            }
        }
        catch (Exception error) when (ClientReader.IsLoss(error))
        {
            return new(ClientMessageKind.Lost, error.Message);
        }
    }
}
