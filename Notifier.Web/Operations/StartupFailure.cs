using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Operations;

/// <summary>What an operator is told when the process cannot start: all that is wrong, each thing once, and no stack trace.</summary>
internal static class StartupFailure
{
    /// <summary>The message, or null when it is not the operator's to mend.</summary>
    public static string? Describe(Exception error) => error switch
    {
        StartupException => error.Message,
        // Options that need other options to be checked fail with them: the same message, twice.
        AggregateException several when several.InnerExceptions.All(inner => inner is OptionsValidationException) =>
            string.Join(' ', several.InnerExceptions.SelectMany(inner => ((OptionsValidationException)inner).Failures).Distinct()),
        OptionsValidationException options => string.Join(' ', options.Failures),
        InvalidOperationException when error.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal) => error.Message
            .Replace("to type 'System.TimeSpan'", "to a time; 00:01:00 is one minute", StringComparison.Ordinal)
            .Replace("to type 'System.Int32'", "to a whole number", StringComparison.Ordinal)
            .Replace("to type 'System.Boolean'", "to true or false", StringComparison.Ordinal),
        IOException { InnerException: AddressInUseException } => error.Message,
        SocketException => $"It cannot listen where it is told to (urls, or Kestrel:Endpoints): {error.Message}.",
        _ => null,
    };
}
